"""What the Script Editor's functions give and take: questions, answers on their way, talks, what goes along."""
