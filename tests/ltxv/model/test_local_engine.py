import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from diffusers import LTXVideoTransformer3DModel
from PIL import Image
from safetensors.torch import load, save

from ltxv.checkpoints import TINY, find_checkpoint
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    Placement,
    PromptWork,
    SecondPassWork,
)
from ltxv.engine_options import EngineOptions
from ltxv.errors import Cancelled, Misconfigured, Refused
from ltxv.model.local_engine import LocalEngine

SIGMAS = (1.0, 0.9875, 0.9094, 0.725)
SECOND_SIGMAS = (0.9094, 0.4219)
FRAMES = 17


@pytest.fixture(scope="module")
def engine():
    return LocalEngine(find_checkpoint("tiny"), device="cpu", options=EngineOptions(threads=2))


@pytest.fixture(scope="module")
def prompt(engine):
    return engine.encode_prompt(PromptWork(model=engine.identity, text="A cat on a table."))


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A picture of 100x60 that is red on the left and blue on the right."""
    file = tmp_path_factory.mktemp("items") / "picture.png"
    pixels = np.zeros((60, 100, 3), dtype=np.uint8)
    pixels[:, :50, 0] = pixels[:, 50:, 2] = 255
    Image.fromarray(pixels).save(file)
    return file


def silent(_done, _of):
    """Take no notice of progress."""


def first_work(engine, **changes):
    return FirstPassWork(
        model=engine.identity,
        **{
            "width": 64,
            "height": 32,
            "frames": FRAMES,
            "frame_rate": 24.0,
            "sigmas": SIGMAS,
            "padding": (0, 0, 0, 0),
            "seed": 7,
        }
        | changes,
    )


def second_work(engine, **changes):
    return SecondPassWork(
        model=engine.identity,
        **{
            "width": 128,
            "height": 64,
            "frames": FRAMES,
            "frame_rate": 24.0,
            "sigmas": SECOND_SIGMAS,
            "padding": (0, 0, 0, 0),
        }
        | changes,
    )


def decode_work(engine, **changes):
    return DecodeWork(
        model=engine.identity,
        **{"width": 90, "height": 50, "frames": FRAMES, "padding": (3, 3, 7, 7)} | changes,
    )


def clip_of(engine, latents, **changes):
    """Return all frames that an engine hands out, in the order they come."""
    pieces = []
    engine.decode(
        decode_work(engine, **changes), latents=latents, on_step=silent, on_frames=pieces.append
    )
    return np.concatenate(pieces)


def still(start, strength=1.0):
    return Placement(kind="image", start_frame=start, frames=1, strength=strength)


@pytest.fixture(scope="module")
def first(engine, prompt):
    return engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=silent)


@pytest.fixture(scope="module")
def second(engine, prompt, first):
    return engine.second_pass(
        second_work(engine), latents=first, prompt=prompt, items=[], on_step=silent
    )


def latents_of(payload):
    return load(payload)["latents"]


def test_a_seed_makes_the_same_frames_again(engine, prompt, first, second):
    """Every stage repeats to the byte, in another engine too."""
    again = LocalEngine(find_checkpoint("tiny"), device="cpu", options=EngineOptions(threads=2))
    text = again.encode_prompt(PromptWork(model=again.identity, text="A cat on a table."))
    repeated = again.first_pass(first_work(again), prompt=text, items=[], on_step=silent)
    assert (text, repeated) == (prompt, first)
    refined = again.second_pass(
        second_work(again), latents=repeated, prompt=text, items=[], on_step=silent
    )
    assert refined == second
    frames = [clip_of(each, second) for each in (engine, again)]
    np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"sigmas": (1.0, 0.9094, 0.725)}, {"frame_rate": 12.0}],
    ids=["seed", "sigmas", "frame rate"],
)
def test_what_a_pass_depends_on_changes_it(engine, prompt, first, change):
    """No setting of a pass is lost on the way to the transformer."""
    other = engine.first_pass(first_work(engine, **change), prompt=prompt, items=[], on_step=silent)
    assert not torch.allclose(latents_of(other), latents_of(first), atol=1e-4)


def test_another_prompt_makes_another_clip(engine, first):
    """The text reaches the transformer."""
    text = engine.encode_prompt(PromptWork(model=engine.identity, text="Rain at night"))
    other = engine.first_pass(first_work(engine), prompt=text, items=[], on_step=silent)
    assert not torch.allclose(latents_of(other), latents_of(first), atol=1e-4)


def test_the_mask_covers_the_words_and_no_padding(engine):
    """Embeddings are padded to the length asked for, and the mask says where the text ends."""
    payload = load(
        engine.encode_prompt(PromptWork(model=engine.identity, text="  ab  ", max_tokens=16))
    )
    assert payload["embeds"].shape[:2] == payload["mask"].shape == (1, 16)
    words = int(payload["mask"].sum())
    assert 0 < words < 16
    assert payload["mask"][0, :words].all()


def test_each_sigma_costs_one_forward_and_reports_one_step(engine, prompt, first, monkeypatch):
    """Seven plus three forwards stay seven plus three."""
    forwards, steps = [], []
    original = LTXVideoTransformer3DModel.forward

    def counted(self, *args, **kwargs):
        forwards.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(LTXVideoTransformer3DModel, "forward", counted)
    report = {"prompt": prompt, "items": [], "on_step": lambda *step: steps.append(step)}
    engine.first_pass(first_work(engine), **report)
    assert (len(forwards), steps) == (4, [(1, 4), (2, 4), (3, 4), (4, 4)])
    forwards.clear()
    engine.second_pass(second_work(engine), latents=first, **report)
    assert (len(forwards), steps[4:]) == (2, [(1, 2), (2, 2)])


def test_cancelling_stops_between_two_steps_and_leaves_the_engine_usable(engine, prompt, first):
    """A cancelled pass runs no further step, and the next job is not the worse for it."""
    steps = []

    def cancel(done, _of):
        steps.append(done)
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=cancel)
    assert steps == [1, 2]
    again = engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=silent)
    assert again == first


def test_jobs_of_many_threads_do_not_mix(engine, prompt, first):
    """Stages wait for each other, so a stranger's job changes no result."""
    barrier = threading.Barrier(3)

    def job(seed):
        barrier.wait()
        work = first_work(engine, seed=seed)
        return engine.first_pass(work, prompt=prompt, items=[], on_step=silent)

    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(job, [7, 8, 7]))
    assert results[0] == results[2] == first
    assert results[1] != first


def test_the_second_pass_goes_on_in_the_same_random_stream(engine, prompt, first):
    """The noise of the second pass depends on what the first one drew."""
    tensors = load(first)
    tensors["generator"] = torch.Generator().manual_seed(99).get_state()
    other = engine.second_pass(
        second_work(engine), latents=save(tensors), prompt=prompt, items=[], on_step=silent
    )
    original = engine.second_pass(
        second_work(engine), latents=first, prompt=prompt, items=[], on_step=silent
    )
    assert not torch.allclose(latents_of(other), latents_of(original), atol=1e-2)


def test_adain_gives_the_second_pass_the_first_ones_style(engine, prompt, first):
    """At factor 1 and a sigma of almost 0 each channel keeps its mean and deviation."""
    work = second_work(engine, sigmas=(1e-3,))
    raised = latents_of(
        engine.second_pass(work, latents=first, prompt=prompt, items=[], on_step=silent)
    )
    for wanted, found in zip(
        torch.std_mean(latents_of(first), dim=(2, 3, 4)),
        torch.std_mean(raised, dim=(2, 3, 4)),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def first_frame(engine, prompt, item, *, strength=1.0, seed=7, **changes):
    """Return the first latent frame of a pass with a picture at frame 0."""
    work = first_work(engine, placements=(still(0, strength),), seed=seed, **changes)
    payload = engine.first_pass(work, prompt=prompt, items=[item], on_step=silent)
    return latents_of(payload)[:, :, 0]


def test_a_picture_at_frame_0_is_kept(engine, prompt, picture):
    """At strength 1 the first frame is the picture whatever the seed, but for its fading noise."""
    clean = [
        first_frame(engine, prompt, picture, seed=seed, image_cond_noise_scale=0.0)
        for seed in (7, 8)
    ]
    torch.testing.assert_close(*clean)
    noisy = first_frame(engine, prompt, picture, image_cond_noise_scale=0.15)
    residual = float((noisy - clean[0]).std())
    assert residual == pytest.approx(0.15 * SIGMAS[-1] ** 2, rel=0.1)


def test_a_strength_below_one_lets_the_clip_drift_from_the_picture(engine, prompt, picture):
    """The weaker the picture the farther the first frame is from it, and 0 is no picture."""
    kept = first_frame(engine, prompt, picture, image_cond_noise_scale=0.0)
    apart = [
        float((first_frame(engine, prompt, picture, strength=strength) - kept).std())
        for strength in (0.9, 0.5, 0.0)
    ]
    assert 0.05 < apart[0] < apart[1] < apart[2]


def test_a_later_picture_guides_and_adds_no_frame(engine, prompt, picture, first):
    """A picture past frame 0 stands beside the clip: the size stays, the clip changes."""
    work = first_work(engine, placements=(still(16),))
    guided = latents_of(engine.first_pass(work, prompt=prompt, items=[picture], on_step=silent))
    assert guided.shape == latents_of(first).shape
    assert not torch.allclose(guided, latents_of(first), atol=1e-4)


def test_padding_moves_the_picture_inside_the_frame(engine, prompt, picture):
    """The target's padding is part of what the VAE sees of an item."""
    bare = first_frame(engine, prompt, picture, image_cond_noise_scale=0.0)
    padded = first_frame(
        engine, prompt, picture, image_cond_noise_scale=0.0, padding=(20, 20, 0, 0)
    )
    assert not torch.allclose(bare, padded, atol=1e-2)


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (still(17), "frames 17 to 17 reach past the clip's 17"),
        (
            Placement(kind="video", start_frame=0, frames=1, strength=1.0).model_copy(
                update={"frames": 2}
            ),
            "was planned with 2 frames and its file has 1",
        ),
    ],
    ids=["past the end", "another file"],
)
def test_items_that_do_not_fit_are_refused(engine, prompt, picture, placement, message):
    """The last check before the transformer names the item and the limit."""
    work = first_work(engine, placements=(placement,))
    with pytest.raises((Refused, Misconfigured), match=message):
        engine.first_pass(work, prompt=prompt, items=[picture], on_step=silent)


def test_an_item_without_a_placement_is_refused(engine, prompt, picture):
    """Files and placements belong together one to one."""
    with pytest.raises(Misconfigured, match="planned with 0 conditioning items and got 1"):
        engine.first_pass(first_work(engine), prompt=prompt, items=[picture], on_step=silent)


@pytest.mark.parametrize(
    "asked",
    [
        {"width": 90, "height": 50, "frames": 17, "padding": (3, 3, 7, 7)},
        {"width": 96, "height": 64, "frames": 10, "padding": (0, 0, 0, 0)},
        {"width": 61, "height": 33, "frames": 1, "padding": (1, 2, 15, 16)},
    ],
)
def test_frames_come_out_at_the_size_and_number_asked_for(engine, second, asked):
    """The clip is resized, its padding and surplus frames cropped, and cast to uint8."""
    clip = clip_of(engine, second, **asked)
    assert clip.shape == (asked["frames"], asked["height"], asked["width"], 3)
    assert clip.dtype == np.uint8
    assert clip.std() > 1


def test_cropping_cuts_the_padding_and_nothing_else(engine, second):
    """With the padding left on, the same pixels stand at its offset."""
    whole = clip_of(engine, second, width=96, height=64, padding=(0, 0, 0, 0))
    cropped = clip_of(engine, second, width=90, height=50, padding=(2, 4, 5, 9))
    np.testing.assert_array_equal(cropped, whole[:, 5:55, 2:92])


@pytest.mark.parametrize(
    "change", [{"decode_noise_scale": 0.5}, {"tone_map_compression_ratio": 1.0}]
)
def test_decode_settings_reach_the_pictures(engine, second, change):
    """Decode noise and tone map change the frames."""
    clips = [clip_of(engine, second, **settings) for settings in ({}, change)]
    assert np.abs(clips[0].astype(int) - clips[1]).max() > 1


def test_decoding_can_be_cancelled(engine, second):
    """Its one step, and each handing out of frames, is a chance to stop as well."""

    def cancel(*_):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        engine.decode(decode_work(engine), latents=second, on_step=cancel, on_frames=cancel)
    with pytest.raises(Cancelled):
        engine.decode(decode_work(engine), latents=second, on_step=silent, on_frames=cancel)
    assert len(clip_of(engine, second)) == FRAMES


def test_work_planned_for_another_model_is_refused(engine):
    """A result must never carry the name of a model that did not make it."""
    other = engine.identity.model_copy(update={"checkpoint": "ltxv-13b-0.9.7-distilled"})
    with pytest.raises(Misconfigured, match=r"serves tiny@.*planned for ltxv-13b-0\.9\.7"):
        engine.encode_prompt(PromptWork(model=other, text="x"))


def test_passes_that_do_not_double_are_refused(engine, prompt, first):
    """The second pass runs at exactly twice the first one's size."""
    with pytest.raises(Misconfigured, match="double to 128x64 with 17"):
        engine.second_pass(
            second_work(engine, width=160), latents=first, prompt=prompt, items=[], on_step=silent
        )


@pytest.mark.parametrize("damage", [b"", b"not safetensors", save({"other": torch.zeros(1)})])
def test_damaged_payloads_are_named(engine, damage):
    """A broken file of the store is said to be one, with the remedy."""
    with pytest.raises(Misconfigured, match=r"the latents .* are damaged.*run that stage again"):
        clip_of(engine, damage)


def test_a_broken_noise_state_is_named(engine, prompt, first):
    """Latents of another PyTorch cannot be continued, and the message says so."""
    tensors = load(first)
    tensors["generator"] = tensors["generator"][:100]
    with pytest.raises(Misconfigured, match="noise state of 100 bytes"):
        engine.second_pass(
            second_work(engine), latents=save(tensors), prompt=prompt, items=[], on_step=silent
        )


def test_weights_that_are_not_finite_are_caught_after_the_pass(tmp_path):
    """A clip of nothing is an error of the installation, not a black video."""
    folder = shutil.copytree(TINY, tmp_path / "weights")
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load(file.read_bytes())
    tensors["proj_out.bias"] *= float("nan")
    file.write_bytes(save(tensors, metadata={"format": "pt"}))
    engine = LocalEngine(find_checkpoint(str(folder)), device="cpu")
    text = engine.encode_prompt(PromptWork(model=engine.identity, text="x"))
    with pytest.raises(Misconfigured, match="not finite"):
        engine.first_pass(first_work(engine), prompt=text, items=[], on_step=silent)


def test_describe_says_what_runs_without_loading_it():
    """An engine can be asked before and after its weights are there."""
    engine = LocalEngine(find_checkpoint("tiny"), device="cpu")
    before = engine.describe()
    assert (before["checkpoint"], before["device"], before["loaded"]) == ("tiny", "cpu", {})
    engine.load()
    loaded = engine.describe()["loaded"]
    assert set(loaded) == {"transformer", "vae", "text_encoder", "latent_upsampler"}
    assert all(size > 0 for size in loaded.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (EngineOptions(offload="model"), "offload=model needs a GPU"),
        (EngineOptions(offload="group"), "offload=group needs a GPU"),
        (EngineOptions(fp8=True), "fp8=True needs a GPU"),
    ],
)
def test_options_that_need_a_gpu_are_refused_on_a_cpu(options, message):
    """The message names the option, before anything is loaded."""
    with pytest.raises(Misconfigured, match=message):
        LocalEngine(find_checkpoint("tiny"), device="cpu", options=options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused():
    """A device that is not there is said to be missing when the engine is made."""
    with pytest.raises(Misconfigured, match=r"device cuda:1 was asked for .* sees 0 CUDA GPUs"):
        LocalEngine(find_checkpoint("tiny"), device="cuda:1")


@pytest.mark.parametrize(
    "options",
    [EngineOptions(channels_last=False), EngineOptions(attention_backend="_native_math")],
    ids=["channels last", "attention"],
)
def test_levers_change_the_speed_and_not_the_clip(options, engine, prompt, first):
    """What an option rearranges comes out the same but for rounding."""
    other = LocalEngine(find_checkpoint("tiny"), device="cpu", options=options)
    again = other.first_pass(first_work(other), prompt=prompt, items=[], on_step=silent)
    torch.testing.assert_close(latents_of(again), latents_of(first), atol=1e-4, rtol=1e-4)
    frames = clip_of(other, first)
    plain = clip_of(engine, first)
    assert plain.std() > 1
    assert np.abs(frames.astype(int) - plain.astype(int)).max() <= 1


def test_an_unknown_attention_backend_is_refused_with_the_known_ones(prompt):
    """A typo in an option is answered with the list."""
    options = EngineOptions(attention_backend="flesh")
    engine = LocalEngine(find_checkpoint("tiny"), device="cpu", options=options)
    with pytest.raises(Misconfigured, match=r"attention_backend=flesh.*_native_math"):
        engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=silent)


def test_a_backend_whose_library_is_missing_is_refused_when_it_loads(prompt):
    """A known backend that is not installed says what to install, before the first step."""
    options = EngineOptions(attention_backend="sage")
    engine = LocalEngine(find_checkpoint("tiny"), device="cpu", options=options)
    with pytest.raises(Misconfigured, match=r"attention_backend=sage: .*install"):
        engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=silent)


def test_a_clip_that_no_memory_holds_is_answered_with_advice(engine, prompt):
    """Running out of memory names what to make smaller, and the engine lives on."""
    work = first_work(engine, width=32 * 4_000_000, height=32 * 400_000)
    with pytest.raises(Misconfigured, match=r"ran out of memory: .*smaller or shorter"):
        engine.first_pass(work, prompt=prompt, items=[], on_step=silent)
    assert engine.first_pass(first_work(engine), prompt=prompt, items=[], on_step=silent)
