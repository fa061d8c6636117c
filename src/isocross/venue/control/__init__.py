"""Control: the control plane of a venue, /control, with a key of its own: its clock, prices, accounts, worlds beside it, faults, alarms.

    app       ControlApp: key, body, answer after commit, errors as JSON
    routes    the table of endpoints
    openapi   what there is, as an OpenAPI document
    clock, prices, accounts, symbols, worlds, faults, alarms    the endpoints themselves

Must not: know a wire name of the dialect, compute a margin.
"""
