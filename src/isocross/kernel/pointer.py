"""Pointer: how numba sees the State: one machine word from which every table is reached.

Responsible for: `state_at(address)`, `s.table[row]`, `s.table.edit(row)`, `s.table.raw(row)`, `s.table.fetch(row)`,
`len(s.table)` and word access by address, for compiled code. Must not: own memory or know what a field means.

The State is the address of a header of three words per table: address of row 0, capacity in rows, bytes per row.
A table is that same address with the table's number in its type, so passing either costs one register and
nothing is reference-counted. `table[row]` is a live view of a row; `edit` first copies the row's old bytes into the
undo log, with a trailer (row, table), and asks for room when the log is full; it skips the copy when the last row it logged
of that table since the savepoint was this one. `fetch` asks the processor to bring a row near and returns at once; it
reads nothing, so any row number will do.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    overload,
    overload_method,
    register_model,
)
from numba.np.numpy_support import from_dtype

from .jit import RoomNeeded, is_checked_build
from .schema import CONTROL, TABLE_INDEX, TABLES

HEADER_WORDS_PER_TABLE = 3
_I64 = ir.IntType(64)
_RECORDS = {name: from_dtype(dtype) for name, dtype in TABLES.items()}
_CONTROL_FIELDS: dict[str, Any] = dict(CONTROL.fields or {})
_UNDO_USED_OFFSET = _CONTROL_FIELDS["undo_used"][1]
_SAVEPOINT_OFFSET = _CONTROL_FIELDS["savepoint"][1]
_ROOM_TABLE_OFFSET = _CONTROL_FIELDS["room_table"][1]
_UNDO_TRAILER_BYTES = 16
CACHE_LINE_BYTES = 64


class StateType(types.Type):
    """The whole exchange: the address of its header."""

    def __init__(self) -> None:
        super().__init__(name="IsocrossState")


class TableType(types.Type):
    """One table of the State, by name."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(name=f"IsocrossTable({table})")


state_type = StateType()


@register_model(StateType)
@register_model(TableType)
class _AddressModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _I64)


@infer_getattr
class _StateAttributes(AttributeTemplate):
    key = StateType

    def generic_resolve(self, typ, attr):
        if attr in TABLES:
            return TableType(attr)
        raise AttributeError(f"the State has no table {attr!r}")


@lower_getattr_generic(StateType)
def _table_of_state(context, builder, typ, value, attr):
    return value


def _word_at(builder, address, offset):
    pointer = builder.inttoptr(builder.add(address, ir.Constant(_I64, offset)), _I64.as_pointer())
    return builder.load(pointer)


def _store_word(builder, address, offset, value):
    pointer = builder.inttoptr(builder.add(address, ir.Constant(_I64, offset)), _I64.as_pointer())
    builder.store(value, pointer)


def _header_offset(table: str, word: int) -> int:
    return 8 * (HEADER_WORDS_PER_TABLE * TABLE_INDEX[table] + word)


def _row_address(context, builder, table, header, row):
    base = _word_at(builder, header, _header_offset(table, 0))
    if is_checked_build():
        capacity = _word_at(builder, header, _header_offset(table, 1))
        with builder.if_then(builder.icmp_unsigned(">=", row, capacity), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, (f"{table}: row out of range",))
    return builder.add(base, builder.mul(row, ir.Constant(_I64, TABLES[table].itemsize)))


def _as_record(context, builder, table, address):
    return builder.inttoptr(address, context.get_value_type(_RECORDS[table]))


@intrinsic
def _row_view(typingctx, table, row):
    if not isinstance(table, TableType) or not isinstance(row, types.Integer):
        return None
    name = table.table

    def codegen(context, builder, signature, args):
        return _as_record(context, builder, name, _row_address(context, builder, name, args[0], args[1]))

    return _RECORDS[name](table, types.int64), codegen


@intrinsic
def _logged_row_view(typingctx, table, row):
    if not isinstance(table, TableType) or not isinstance(row, types.Integer):
        return None
    name = table.table
    size = TABLES[name].itemsize

    def codegen(context, builder, signature, args):
        header, index = args
        address = _row_address(context, builder, name, header, index)
        control = _word_at(builder, header, _header_offset("control", 0))
        used = _word_at(builder, control, _UNDO_USED_OFFSET)
        end = builder.add(used, ir.Constant(_I64, size + _UNDO_TRAILER_BYTES))
        capacity = builder.mul(_word_at(builder, header, _header_offset("undo", 1)), ir.Constant(_I64, 8))
        logged = _word_at(builder, header, _header_offset("logged", 0))
        savepoint = _word_at(builder, control, _SAVEPOINT_OFFSET)
        key = builder.add(builder.shl(savepoint, ir.Constant(_I64, 32)), index)
        last = _word_at(builder, logged, 8 * TABLE_INDEX[name])
        with builder.if_then(builder.icmp_signed("!=", last, key)):
            with builder.if_then(builder.icmp_signed(">", end, capacity), likely=False):
                _store_word(builder, control, _ROOM_TABLE_OFFSET, ir.Constant(_I64, TABLE_INDEX["undo"]))
                context.call_conv.return_user_exc(builder, RoomNeeded, ("the undo log is full",))
            saved = builder.add(_word_at(builder, header, _header_offset("undo", 0)), used)
            byte_pointer = ir.IntType(8).as_pointer()
            cgutils.raw_memcpy(
                builder,
                builder.inttoptr(saved, byte_pointer),
                builder.inttoptr(address, byte_pointer),
                ir.Constant(_I64, size),
                1,
            )
            _store_word(builder, saved, size, index)
            _store_word(builder, saved, size + 8, ir.Constant(_I64, TABLE_INDEX[name]))
            _store_word(builder, control, _UNDO_USED_OFFSET, end)
            _store_word(builder, logged, 8 * TABLE_INDEX[name], key)
        return _as_record(context, builder, name, address)

    return _RECORDS[name](table, types.int64), codegen


@intrinsic
def _capacity(typingctx, table):
    if not isinstance(table, TableType):
        return None
    name = table.table

    def codegen(context, builder, signature, args):
        return _word_at(builder, args[0], _header_offset(name, 1))

    return types.int64(table), codegen


@overload(operator.getitem)
def _table_getitem(table, row):
    if isinstance(table, TableType):
        return lambda table, row: _row_view(table, row)
    return None


@overload_method(TableType, "raw")
def _table_raw(table, row):
    return lambda table, row: _row_view(table, row)


@overload_method(TableType, "edit")
def _table_edit(table, row):
    return lambda table, row: _logged_row_view(table, row)


@intrinsic
def _fetch(typingctx, table, row):
    if not isinstance(table, TableType) or not isinstance(row, types.Integer):
        return None
    name = table.table

    def codegen(context, builder, signature, args):
        base = _word_at(builder, args[0], _header_offset(name, 0))
        address = builder.add(base, builder.mul(args[1], ir.Constant(_I64, TABLES[name].itemsize)))
        pointer_type, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer_type], ir.FunctionType(ir.VoidType(), [pointer_type, i32, i32, i32])
        )
        for_reading, in_every_cache, as_data = i32(0), i32(3), i32(1)
        last_byte = TABLES[name].itemsize - 1
        for offset in (*range(0, last_byte, CACHE_LINE_BYTES), last_byte):  # a row may begin anywhere in a line
            line = builder.inttoptr(builder.add(address, ir.Constant(_I64, offset)), pointer_type)
            builder.call(prefetch, [line, for_reading, in_every_cache, as_data])
        return context.get_dummy_value()

    return types.void(table, types.int64), codegen


@overload_method(TableType, "fetch")
def _table_fetch(table, row):
    return lambda table, row: _fetch(table, row)


@overload(len)
def _table_len(table):
    if isinstance(table, TableType):
        return lambda table: _capacity(table)
    return None


@intrinsic
def state_at(typingctx, address):
    """The State whose header lies at this address."""

    def codegen(context, builder, signature, args):
        return args[0]

    return state_type(types.int64), codegen


@intrinsic
def load_word(typingctx, address):
    """The int64 at an address."""

    def codegen(context, builder, signature, args):
        return _word_at(builder, args[0], 0)

    return types.int64(types.int64), codegen


@intrinsic
def copy_words(typingctx, to, source, count):
    """Copy `count` int64 from one address to another; the two do not overlap."""

    def codegen(context, builder, signature, args):
        byte_pointer = ir.IntType(8).as_pointer()
        cgutils.raw_memcpy(
            builder, builder.inttoptr(args[0], byte_pointer), builder.inttoptr(args[1], byte_pointer), args[2], 8
        )
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen
