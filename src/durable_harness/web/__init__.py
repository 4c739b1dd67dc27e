"""What the pages share: their style, plots, parts and the script that shows values where one points."""
