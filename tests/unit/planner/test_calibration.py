"""Coverage of the bands, walked forward through real days; few origins, so only gross dishonesty is found here."""

import numpy as np
import pytest

from hashwright.chain.find import find_coin
from hashwright.planner.calibration import Study, calibrate
from hashwright.planner.series import day_of, load_coins

pytestmark = pytest.mark.data


def test_three_month_bands_of_bitcoin_hold_most_of_what_came(test_data):
    series = load_coins(test_data, coins=("BTC",)).coins["BTC"]
    study = Study(series=series, coin=find_coin("btc"), horizons=(30, 90), paths=200)
    origins = range(day_of("2015-01-01"), day_of("2024-06-01"), 120)
    found = {
        (it.quantity, it.horizon_days): it for it in calibrate(study, origins, rng=np.random.default_rng(1))
    }  # fmt: skip
    assert len(found) == 6
    for it in found.values():
        assert it.origins == len(origins)
        assert 0.7 <= it.in_90 <= 1.0, it
        assert 0.25 <= it.in_50 <= 0.8, it
