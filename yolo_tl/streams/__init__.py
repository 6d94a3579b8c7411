"""Pictures as they come: cameras, videos, watched folders, Python; each frame accounted for, none made up."""
