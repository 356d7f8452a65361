"""Scraping beside Prometheus: pages of a cluster, what serves them, and both agents at work."""
