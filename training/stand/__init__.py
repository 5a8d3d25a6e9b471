"""A staged turnaround at an aircraft stand, with the truth of its milestones."""
