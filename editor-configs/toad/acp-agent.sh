# Toad takes the agent's command line as one word; the dot is the project's folder.
toad acp acp-agent .
