"""What the weights and thresholds of the explorer's repairs are fitted on, and how."""
