"""What is in these bytes: secrets, persons, tool names, attack families."""
