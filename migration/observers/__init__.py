"""Those who are told what happens to runs and their steps."""
