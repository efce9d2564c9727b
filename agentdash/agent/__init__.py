"""An agent of our own: it speaks the agent's side over the wire, to any Coder (contract: agent-side.md §11, §12).

Terminals and ports of a workspace travel by tailnet, and that it does not speak: a user who wants them waits in
vain. Everything else of an agent's life is real.
"""
