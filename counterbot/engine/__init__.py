"""The bot at work: ``bot`` puts its parts together, then a module a stage.

``recognise`` turns events into reports, ``examine`` reads what builds left behind, ``decide`` turns reports into
pending deliveries, ``deliver`` sends these; ``service`` runs threads for all of them.
"""
