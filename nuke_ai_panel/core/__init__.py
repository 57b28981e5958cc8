"""What a conversation does: turns, prompts, answers, the live providers. Knows no front end, no Qt and no Nuke."""
