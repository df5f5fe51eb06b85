"""Text in, values or located mistakes out: YAML, the configuration, rule files. Speaks to nobody else."""
