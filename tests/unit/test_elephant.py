"""elephant and viziphant take trains and signals of a run as they are, and count as numpy does."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import quantities as pq
from synthetic import synthetic_results

from tension_sim.neo import to_neo

DT, BIN, START, STOP = 1e-3, 20, 4000, 6000
N_BINS = (STOP - START) // BIN


@pytest.fixture(scope="module")
def run():
    return synthetic_results(record_every=1, dt=DT)


@pytest.fixture(scope="module")
def segment(run):
    return to_neo(run).segments[2]


@pytest.fixture(scope="module")
def trains(segment):
    return list(segment.spiketrains)


@pytest.fixture(scope="module")
def steps(run):
    """Steps of each neuron's spikes after learning, from the phase's first step on."""
    inside = (run.spike_step >= START) & (run.spike_step < STOP)
    return [run.spike_step[inside & (run.spike_neuron == n)] - START for n in range(run.n_neurons)]


@pytest.fixture(scope="module")
def counts(steps):
    return np.array([np.bincount(s // BIN, minlength=N_BINS) for s in steps])


@pytest.fixture(scope="module")
def active(steps):
    return [n for n, s in enumerate(steps) if len(s) > 2]


@pytest.fixture(scope="module")
def binned(trains):
    from elephant.conversion import BinnedSpikeTrain

    return BinnedSpikeTrain(trains, bin_size=BIN * pq.ms)


def test_every_spike_is_counted_once(binned, counts, trains):
    assert binned.n_bins == N_BINS
    np.testing.assert_array_equal(binned.to_array(), counts)
    assert counts.sum() == sum(map(len, trains))


@pytest.mark.parametrize("first_step", [0, 1, 7, 333, 999_999])
@pytest.mark.parametrize("dt", [1e-3, 5e-5, 1e-4, 0.04e-3, 1 / 3000])
def test_every_spike_is_in_the_bin_of_its_step(dt, first_step):
    """The first and the last step of a segment too, at bins of one step and of seven."""
    from elephant.conversion import BinnedSpikeTrain

    from tension_sim.results.results import Phase, Results

    steps = np.sort(np.random.default_rng(0).choice(np.arange(1, 699), 90, replace=False))
    steps = np.concatenate([[0], steps, [699]])
    run = Results(
        "demo", dt, first_step, 700, 1, steps + first_step, np.zeros(len(steps)), 1, 1,
        np.zeros((700, 1)), None, (Phase("all", first_step, first_step + 700),),
    )  # fmt: skip
    trains = list(to_neo(run).segments[0].spiketrains)
    for size in (1, 7):
        found = BinnedSpikeTrain(trains, bin_size=size * dt * pq.s).to_array()[0]
        np.testing.assert_array_equal(found, np.bincount(steps // size, minlength=700 // size))


class TestStatistics:
    def test_mean_firing_rate(self, trains, steps):
        from elephant.statistics import mean_firing_rate

        found = [mean_firing_rate(train).rescale("Hz").item() for train in trains]
        np.testing.assert_allclose(found, [len(s) / 2.0 for s in steps], rtol=1e-12)

    def test_intervals(self, trains, steps, active):
        from elephant.statistics import isi

        for n in active:
            np.testing.assert_allclose(isi(trains[n]).rescale("ms").magnitude, np.diff(steps[n]), atol=1e-8)

    def test_coefficient_of_variation(self, trains, steps, active):
        from elephant.statistics import cv, isi

        for n in active:
            intervals = np.diff(steps[n])
            assert cv(isi(trains[n])) == pytest.approx(intervals.std() / intervals.mean())

    def test_local_variation(self, trains, steps, active):
        from elephant.statistics import isi, lv

        for n in active:
            a = np.diff(steps[n])
            expected = 3 * np.mean(((a[:-1] - a[1:]) / (a[:-1] + a[1:])) ** 2)
            assert lv(isi(trains[n]), with_nan=True) == pytest.approx(expected)

    def test_second_coefficient_of_variation(self, trains, steps, active):
        from elephant.statistics import cv2, isi

        for n in active:
            a = np.diff(steps[n])
            expected = 2 * np.mean(np.abs(a[:-1] - a[1:]) / (a[:-1] + a[1:]))
            assert cv2(isi(trains[n]), with_nan=True) == pytest.approx(expected)

    def test_fano_factor(self, trains, steps):
        from elephant.statistics import fanofactor

        n = np.array([len(s) for s in steps])
        assert fanofactor(trains) == pytest.approx(n.var() / n.mean())

    def test_time_histogram(self, trains, counts):
        from elephant.statistics import time_histogram

        found = time_histogram(trains, bin_size=BIN * pq.ms)
        np.testing.assert_array_equal(found.magnitude[:, 0], counts.sum(axis=0))

    def test_complexity(self, trains, counts):
        from elephant.statistics import Complexity

        found = Complexity(trains, bin_size=BIN * pq.ms, sampling_rate=1 / (BIN * pq.ms))
        expected = np.bincount((counts > 0).sum(axis=0))
        np.testing.assert_array_equal(found.complexity_histogram[: len(expected)], expected)

    def test_instantaneous_rate(self, trains, steps):
        from elephant.kernels import GaussianKernel
        from elephant.statistics import instantaneous_rate

        sigma = 0.05
        rate = instantaneous_rate(
            trains[0], sampling_period=1 * pq.ms, kernel=GaussianKernel(sigma * pq.s), cutoff=8, center_kernel=True
        )
        t = rate.times.rescale("s").magnitude
        times = (steps[0] + START) * DT
        direct = np.exp(-((t[:, None] - times) ** 2) / (2 * sigma**2)).sum(axis=1) / (sigma * np.sqrt(2 * np.pi))
        inner = slice(200, -200)
        np.testing.assert_allclose(rate.rescale("Hz").magnitude[inner, 0], direct[inner], rtol=0.02, atol=0.2)


class TestCorrelation:
    def test_covariance(self, binned, counts):
        from elephant.spike_train_correlation import covariance

        np.testing.assert_allclose(covariance(binned), np.cov(counts), atol=1e-12)

    def test_correlation_coefficient(self, trains, counts, active):
        from elephant.conversion import BinnedSpikeTrain
        from elephant.spike_train_correlation import correlation_coefficient

        spiking = BinnedSpikeTrain([trains[n] for n in active], bin_size=BIN * pq.ms)
        np.testing.assert_allclose(correlation_coefficient(spiking), np.corrcoef(counts[active]), atol=1e-12)

    def test_cross_correlation_histogram(self, trains, counts):
        from elephant.conversion import BinnedSpikeTrain
        from elephant.spike_train_correlation import cross_correlation_histogram

        one, two = (BinnedSpikeTrain(trains[n], bin_size=BIN * pq.ms) for n in (0, 1))
        found, lags = cross_correlation_histogram(one, two, window=[-5, 5])
        a, b = counts[0], counts[1]
        expected = [np.sum(a[max(-k, 0) : N_BINS - max(k, 0)] * b[max(k, 0) : N_BINS + min(k, 0)]) for k in lags]
        np.testing.assert_allclose(found.magnitude[:, 0], expected)

    def test_spike_time_tiling(self, trains, steps):
        from elephant.spike_train_correlation import spike_time_tiling_coefficient

        window, total = 5, STOP - START
        found = spike_time_tiling_coefficient(trains[0], trains[1], dt=window * pq.ms)

        def tiled(s):
            # the covered time, exactly: intervals [s - w, s + w] cut to the segment
            covered, end = 0.0, 0.0
            for low, high in ((max(k - window, 0), min(k + window, total)) for k in s):
                covered += max(high - max(low, end), 0)
                end = max(end, high)
            return covered / total

        def near(s, other):
            return np.mean([np.abs(other - k).min() <= window for k in s])

        (pa, pb), (ta, tb) = (near(steps[0], steps[1]), near(steps[1], steps[0])), map(tiled, steps[:2])
        expected = 0.5 * ((pa - tb) / (1 - pa * tb) + (pb - ta) / (1 - pb * ta))
        assert found == pytest.approx(expected, abs=0.02)

    def test_van_rossum_distance_is_zero_between_equal_trains(self, trains):
        from elephant.spike_train_dissimilarity import van_rossum_distance

        found = van_rossum_distance([trains[0], trains[0], trains[1]], time_constant=10 * pq.ms)
        assert found[0, 1] == pytest.approx(0, abs=1e-6)
        assert found[0, 2] > 1

    def test_victor_purpura_distance(self, trains, steps):
        from elephant.spike_train_dissimilarity import victor_purpura_distance

        # without a cost of shifting it is the difference in spike counts
        found = victor_purpura_distance(trains[:3], cost_factor=0.0 * pq.Hz)
        n = np.array([len(s) for s in steps[:3]])
        np.testing.assert_allclose(found, np.abs(n[:, None] - n))

    def test_spike_contrast(self, trains, active):
        from elephant.spike_train_synchrony import spike_contrast

        assert 0 < spike_contrast([trains[n] for n in active]) < 1

    def test_synchrofacts(self, trains, steps):
        from elephant.spike_train_synchrony import Synchrotool

        found = Synchrotool(trains, sampling_rate=1 / (DT * pq.s), bin_size=DT * pq.s, spread=0)
        found.annotate_synchrofacts()
        together = np.bincount(np.concatenate(steps), minlength=STOP - START)
        for train, s in zip(trains, steps, strict=True):
            np.testing.assert_array_equal(train.array_annotations.get("complexity", []), together[s])


class TestWithSignals:
    def test_spike_triggered_average(self, segment, trains, run, steps):
        from elephant.sta import spike_triggered_average

        signal = segment.analogsignals[0]
        found = spike_triggered_average(signal, trains[0], (-10 * pq.ms, 10 * pq.ms))
        output = run.output[START:STOP, 0]
        inside = [k for k in steps[0] if k - 10 >= 0 and k + 10 <= STOP - START]
        # elephant cuts times to steps downwards, so that rounding may shift a window by one sample
        shifts = [np.mean([output[k - 10 - late : k + 10 - late] for k in inside if k > 10], axis=0) for late in (0, 1)]
        assert min(np.abs(found.magnitude[:, 0] - s).max() for s in shifts) < 0.05
        assert found.annotations["used_spikes"] == pytest.approx(len(inside), abs=1)

    @pytest.mark.filterwarnings("ignore")  # of scipy's, on the number of averages
    def test_spike_field_coherence(self, segment, trains):
        from elephant.sta import spike_field_coherence

        coherence, frequencies = spike_field_coherence(segment.analogsignals[0], trains[0], nperseg=200)
        assert frequencies[1].rescale("Hz").item() == pytest.approx(5.0)
        assert np.nanmax(coherence.magnitude) <= 1 + 1e-9

    def test_welch_peaks_at_the_frequency_of_the_output(self, segment):
        from elephant.spectral import welch_psd

        frequencies, power = welch_psd(segment.analogsignals[1], frequency_resolution=1 * pq.Hz)
        assert frequencies[np.argmax(power[0])].rescale("Hz").item() == pytest.approx(5.0)

    def test_z_score(self, segment, run):
        from elephant.signal_processing import zscore

        values = run.output[START:STOP]
        found = zscore(segment.analogsignals[0], inplace=False)
        np.testing.assert_allclose(found.magnitude, (values - values.mean()) / values.std(), atol=1e-9)


class TestPlots:
    @pytest.fixture(autouse=True)
    def closed(self):
        yield
        plt.close("all")

    @pytest.mark.filterwarnings("ignore")  # of the plotting libraries below
    def test_viziphant_draws_trains_as_they_are(self, trains, binned, steps):
        pytest.importorskip("viziphant", reason="viziphant is not installed")
        from elephant.statistics import time_histogram
        from viziphant.rasterplot import rasterplot, rasterplot_rates
        from viziphant.spike_train_correlation import plot_corrcoef
        from viziphant.statistics import plot_isi_histogram, plot_time_histogram

        axes = rasterplot(trains)
        assert sum(len(dots.get_offsets()) for dots in axes.collections) == sum(map(len, steps))
        rasterplot_rates(trains)
        histogram = time_histogram(trains, bin_size=BIN * pq.ms)
        plot_time_histogram(histogram, units="s")
        plot_isi_histogram(trains[0], bin_size=10 * pq.ms)
        plot_corrcoef(np.eye(len(trains)), axes=plt.figure().gca())
