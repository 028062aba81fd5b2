"""Which addresses probes, webhooks and mail may reach, and how their names are looked up."""
