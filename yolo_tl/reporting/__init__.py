"""What people look at: one HTML file for a run, a comparison, a qualification or a verdict; nothing is fetched."""
