"""The only room that imports torch and Ultralytics: it carries out what `transfer` has decided."""
