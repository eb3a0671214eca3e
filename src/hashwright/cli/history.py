"""Where history comes from: the folder of `--data`, or what `hw admin data import` brought."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashwright.cli.terminal import Terminal

if TYPE_CHECKING:
    from hashwright.chain.coin import Coin
    from hashwright.planner.series import CoinTable


def load_history(terminal: Terminal, data: str | None, coins: Sequence[str] = ()) -> "CoinTable | None":
    """Read the history of coins (tickers; none: of all), or None where there is none.

    Raises:
        OperatorError: a folder was named and cannot be read (HW-805).
    """
    from hashwright.planner.series import load_coins, read_coins
    from hashwright.runtime.market_data import history_file

    if data:
        return load_coins(Path(data).expanduser(), coins=coins)
    file = history_file(terminal.load_config().data_dir)
    return read_coins(file, coins=coins) if file else None


def yearly_growth(data: str, coin: "Coin") -> tuple[float, ...]:
    """Return the growth rates of a coin's difficulty over a year [log], of a folder of history.

    Raises:
        OperatorError: the folder cannot be read (HW-805).
    """
    from hashwright.planner import trends
    from hashwright.planner.series import load_coins

    table = load_coins(Path(data).expanduser(), coins=(coin.ticker,))
    series = table.coins.get(coin.ticker)
    return trends.yearly_growth(series) if series is not None else ()
