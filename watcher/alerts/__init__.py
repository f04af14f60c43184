"""Alerts: their life cycle, outbox and delivery to channels."""
