"""The commands, a file for each group. They wire rooms and print; logic lives in the rooms."""
