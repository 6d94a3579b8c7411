"""What the readers of several formats share: text, rows, references to images."""
