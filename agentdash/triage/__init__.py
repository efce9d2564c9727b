"""Pure judgement with evidence: findings, causes, next steps."""
