import pytest

from tests.trainers.tiny import tiny_config
from trainers.config import LrPolicy
from trainers.fit.schedule import Schedule, with_epochs


@pytest.mark.parametrize("policy", ["linear", "cosine"])
def test_policies_that_fall_begin_at_1_and_end_at_0(policy: LrPolicy) -> None:
    schedule = Schedule(policy, 1000, 400)

    assert [schedule.factor(seen) for seen in (0, 600)] == [1.0, 1.0]
    assert schedule.factor(800) == pytest.approx(0.5)
    assert schedule.factor(1000) == pytest.approx(0.0)


def test_constant_stays_and_step_falls_to_a_tenth_at_each_step() -> None:
    assert Schedule("constant", 1000, 0).factor(999) == 1.0
    step = Schedule("step", 1000, 0)
    assert [step.factor(seen) for seen in (0, 249, 250, 500)] == pytest.approx([1, 1, 0.1, 0.01])


def test_plateau_falls_when_the_loss_stays_and_remembers_it_in_its_state() -> None:
    schedule = Schedule("plateau", 1000, 20)

    for seen, loss in ((10, 1.0), (20, 0.5), (30, 0.5)):
        schedule.observe(loss, seen)
    assert schedule.factor(30) == 1.0

    resumed = Schedule("plateau", 1000, 20)
    resumed.load_state_dict(schedule.state_dict())
    resumed.observe(0.499, 40)
    assert resumed.factor(40) == pytest.approx(0.2)
    resumed.observe(0.3, 50)
    resumed.observe(0.4, 60)
    assert resumed.factor(60) == pytest.approx(0.2)


def test_epochs_become_images() -> None:
    config = tiny_config(
        optim__n_epochs=3, optim__n_epochs_decay=2, optim__lr_policy="linear", run__images=7
    )

    resolved = with_epochs(config, 100)

    assert (resolved.run.images, resolved.optim.lr_decay_images) == (500, 200)
    assert with_epochs(tiny_config(), 100) == tiny_config()
