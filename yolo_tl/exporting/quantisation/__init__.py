"""8-bit networks: calibration images, recipes for processors, and which layers stay in float."""
