"""Refusals: the code, the exact text and the HTTP status of every answer that is not a success.

Responsible for: WireRefusalError, and the wire code of each of the engine's refusals, complete or the module does not import.
Must not: decide whether something is refused. Clients compare some of these texts letter by letter.
"""

from __future__ import annotations

from ...codes import Refusal


class WireRefusalError(Exception):
    """An answer with a code: `{"code": …, "msg": …}`. `is_committed`: it rests on nothing that is not on disk."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status
        self.is_committed = False


TEXTS = {
    -1000: "An unknown error occurred while processing the request.",
    -1003: "Too many requests; current limit is %s requests per minute. Please use the websocket for live updates to avoid polling the API.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1015: "Too many new orders; current limit is %s orders per %s.",
    -1020: "This operation is not supported.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1102: "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
    -1106: "Parameter '%s' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1112: "No orders on book for symbol.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -1128: "Combination of optional parameters invalid.",
    -1130: "Data sent for parameter '%s' is not valid.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2023: "User in liquidation mode now.",
    -2025: "Reach max open order limit.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4016: "Price is higher than mark price multiplier cap.",
    -4021: "'%s' is not valid depth limit.",
    -4023: "Qty not increased by step size.",
    -4024: "Price is lower than mark price multiplier floor.",
    -4028: "Leverage %s is not valid",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4049: "Add margin only support for isolated position.",
    -4050: "Cross balance insufficient.",
    -4051: "Isolated balance insufficient.",
    -4054: "Cannot add position margin: position is 0.",
    -4055: "Amount must be positive.",
    -4059: "No need to change position side.",
    -4061: "Order's position side does not match user's setting.",
    -4062: "Invalid or improper reduceOnly value.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4082: "Invalid number of batch place orders.",
    -4116: "ClientOrderId is duplicated.",
    -4118: "ReduceOnly Order Failed. Please check your existing position and open orders",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4130: "An open stop or take profit order with GTE and closePosition in the direction is existing.",
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    -4136: "Target strategy invalid for orderType %s, closePosition true.",
    -4137: "Quantity must be zero with closePosition equals true",
    -4138: "Reduce only must be true with closePosition equals true",
    -4140: "Invalid symbol status for opening position.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -4164: "Order's notional must be no smaller than %s (unless you choose reduce only).",
    -4167: "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.",
    -4168: "Unable to adjust to isolated-margin mode under the Multi-Assets mode.",
    -4171: "No need to change Multi-Assets mode.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected.",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    -5027: "No need to modify the order.",
    -5040: "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000",
}
EARLY = "Timestamp for this request was 1000ms ahead of the server's time."
BOTH_EMPTY = "Param '%s' or '%s' must be sent, but both were empty/null!"
STATUSES = {-2014: 401, -2015: 401, -1003: 429, -1015: 429, -1007: 503}

# The code of each of the engine's refusals. A few depend on what was asked: see `wire_refusal`.
WIRE_CODE = {
    Refusal.UNKNOWN_COMMAND: -1020,
    Refusal.NOT_SUPPORTED: -1020,
    Refusal.MALFORMED_CONTINUATION: -1000,
    Refusal.TIME_GOES_BACK: -1000,
    Refusal.SEQUENCE_OUT_OF_RANGE: -1000,
    Refusal.SEQUENCE_USED: -1000,
    Refusal.UNKNOWN_ACCOUNT: -2015,
    Refusal.ACCOUNT_EXISTS: -1000,
    Refusal.ACCOUNT_OUT_OF_RANGE: -1000,
    Refusal.HOUSE_ONLY: -1000,
    Refusal.UNKNOWN_ASSET: -1130,
    Refusal.UNKNOWN_SYMBOL: -1121,
    Refusal.SYMBOL_NOT_TRADING: -4140,
    Refusal.AMOUNT_NOT_POSITIVE: -4055,
    Refusal.AMOUNT_TOO_LARGE: -4050,
    Refusal.WITHDRAW_TOO_LARGE: -2018,
    Refusal.RATE_OUT_OF_RANGE: -1130,
    Refusal.UNKNOWN_SIDE: -1117,
    Refusal.UNKNOWN_ORDER_TYPE: -1116,
    Refusal.UNKNOWN_TIME_IN_FORCE: -1115,
    Refusal.POSITION_SIDE_MISMATCH: -4061,
    Refusal.NO_MARK_PRICE: -4140,
    Refusal.PRICE_NOT_POSITIVE: -4001,
    Refusal.PRICE_TOO_LARGE: -4002,
    Refusal.PRICE_TOO_SMALL: -4013,
    Refusal.CLOSE_POSITION_WITH_QUANTITY: -4137,
    Refusal.QUANTITY_NOT_POSITIVE: -4003,
    Refusal.QUANTITY_TOO_LARGE: -4005,
    Refusal.NOTIONAL_TOO_SMALL: -4164,
    Refusal.REDUCE_ONLY_REJECTED: -2022,
    Refusal.WOULD_TRIGGER_IMMEDIATELY: -2021,
    Refusal.POST_ONLY_TAKES: -5022,
    Refusal.NO_LIQUIDITY: -1112,
    Refusal.FILL_OR_KILL_UNFILLED: -5021,
    Refusal.TOO_MANY_ORDERS: -2025,
    Refusal.BRACKET_EXCEEDED: -2027,
    Refusal.ACCOUNT_TOO_LARGE: -2027,
    Refusal.MARGIN_INSUFFICIENT: -2019,
    Refusal.UNKNOWN_ORDER: -2011,
    Refusal.DUPLICATE_CLIENT_ID: -4116,
    Refusal.LEVERAGE_OUT_OF_RANGE: -4028,
    Refusal.LEVERAGE_ABOVE_BRACKET: -2027,
    Refusal.LEVERAGE_LOWERED_WITH_ISOLATED_POSITION: -4161,
    Refusal.LEVERAGE_MARGIN_INSUFFICIENT: -2028,
    Refusal.MARGIN_MODE_UNKNOWN: -1130,
    Refusal.MARGIN_MODE_UNCHANGED: -4046,
    Refusal.MARGIN_MODE_HAS_ORDERS: -4047,
    Refusal.MARGIN_MODE_HAS_POSITION: -4048,
    Refusal.MARGIN_NOT_ISOLATED: -4049,
    Refusal.MARGIN_NO_POSITION: -4054,
    Refusal.MARGIN_ADD_TOO_LARGE: -4050,
    Refusal.MARGIN_REMOVE_TOO_LARGE: -4051,
    Refusal.POSITION_MODE_UNCHANGED: -4059,
    Refusal.POSITION_MODE_HAS_ORDERS: -4067,
    Refusal.POSITION_MODE_HAS_POSITION: -4068,
    Refusal.UNKNOWN_WORKING_TYPE: -1130,
    Refusal.CLOSE_POSITION_ORDER_TYPE: -4136,
    Refusal.POSITION_MODE_UNKNOWN: -1130,
    Refusal.SYMBOL_STATUS_UNKNOWN: -1130,
    Refusal.SYMBOL_DELISTED: -4140,
    Refusal.BRACKETS_MALFORMED: -1130,
    Refusal.NOT_AMENDABLE: -2013,
    Refusal.NOTHING_TO_AMEND: -5027,
    Refusal.EXPIRY_NOT_AHEAD: -1130,
    Refusal.PRICE_ABOVE_BAND: -4016,
    Refusal.PRICE_BELOW_BAND: -4024,
}
assert set(WIRE_CODE) == set(Refusal) - {Refusal.NONE}, "every refusal of the engine has a wire code"
assert set(WIRE_CODE.values()) <= set(TEXTS)


def refuse(code: int, *values: object) -> WireRefusalError:
    """The refusal with this code; `values` fill its text."""
    return WireRefusalError(code, TEXTS[code] % values if values else TEXTS[code], STATUSES.get(code, 400))


def wire_refusal(refusal: Refusal, *values: object) -> WireRefusalError:
    """What the engine refused, as the wire says it; `values` fill its text where it has places."""
    code = WIRE_CODE[refusal]
    places = TEXTS[code].count("%s")
    filled = (*values, *("",) * places)[:places]
    return refuse(code, *filled)
