"""The plane geometry of annotations: shapes, masks, and how they are fitted to an image and a task."""
