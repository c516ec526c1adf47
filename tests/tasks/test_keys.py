"""What each stage's key is made of: exactly what decides its outcome."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.ltx_model import LTXModel
from ltxv.engine import ModelIdentity
from ltxv.engine_options import EngineOptions
from ltxv.frozen import digest_of
from ltxv.media.compress_work import CompressWork
from ltxv.plan import resolve
from ltxv.refs import EmbeddingRef, LatentRef, MediaRef, Ref
from ltxv.request import parse_request
from tasks.compress_media import compress_media
from tasks.encode_prompt import encode_prompt
from tasks.first_pass import first_pass
from tasks.second_pass import second_pass
from tasks.stage import Stage

MODEL = ModelIdentity(checkpoint="c", revision="r", dtype="float32", device="cpu", threads=1)
PASSES = {"first_pass", "second_pass"}
MODEL_STAGES = {"encode_prompt", *PASSES}
MEDIA_STAGES = {"compress_media", *PASSES}


def keys(
    fields: dict[str, Any] | None = None,
    *,
    model: ModelIdentity = MODEL,
    media: tuple[str, str] = ("a", "b"),
    loras: tuple[str, ...] = (),
) -> dict[str, str]:
    """Return every stage's key for a request, each outcome known by the key of its stage."""
    request = parse_request(
        {
            "prompt": "a cat",
            "seed": 7,
            "images": [{"image_url": "i", "strength": 1}],
            "videos": [{"video_url": "v", "start_frame_num": 16}],
            **(fields or {}),
        }
    )
    image = MediaRef(**ref(media[0]), **shape("image", 1))
    clip = MediaRef(**ref(media[1]), **shape("video", 60))
    sources = [image, clip][: len(request.media)]
    plan = resolve(request, sources, model=model, seed=0, loras=loras)
    compressed = [
        key(compress_media, work=item.compress, source=source)
        for item, source in zip(plan.items, sources, strict=True)
    ]
    items = [Ref(**ref(made)) for made in compressed]
    text = key(encode_prompt, work=plan.prompt_work)
    prompt = EmbeddingRef(**ref(text))
    first = key(first_pass, work=plan.first_pass_work, prompt=prompt, items=items)
    latents = LatentRef(**ref(first), shape=(1, 1, 1, 1, 1))
    second = key(
        second_pass, work=plan.second_pass_work, latents=latents, prompt=prompt, items=items
    )
    return {
        "compress_media": " ".join(compressed),
        "encode_prompt": text,
        "first_pass": first,
        "second_pass": second,
    }


def key(stage: Stage[..., Any], **inputs: Any) -> str:
    """Return a stage's key for its inputs."""
    policy: Any = stage.task.cache_policy
    return str(policy.compute_key(None, inputs, {}))


def ref(content: str) -> dict[str, Any]:
    """Return a ref to bytes that a text stands for."""
    return {"path": f"media/{content}", "sha256": digest_of(content), "size": 1}


def shape(kind: str, frames: int) -> dict[str, Any]:
    """Return what a probe says of a medium."""
    about = {"content_type": "x/y", "width": 640, "height": 480, "frame_rate": 30.0}
    return {"kind": kind, "frames": frames, **about}


def changed(**change: Any) -> set[str]:
    """Return the stages whose keys a change changes."""
    before, after = keys(), keys(**change)
    return {name for name, value in after.items() if value != before[name]}


@pytest.mark.parametrize(
    ("field", "value", "stages"),
    [
        ("prompt", "a dog", MODEL_STAGES),
        ("seed", 8, PASSES),
        ("resolution", "480p", MEDIA_STAGES),
        ("aspect_ratio", "1:1", MEDIA_STAGES),
        ("number_of_frames", 97, PASSES),
        ("number_of_frames", 33, MEDIA_STAGES),  # less of the clip fits
        ("frame_rate", 24, PASSES),
        ("constant_rate_factor", 20, MEDIA_STAGES),
        ("first_pass_number_of_steps", 6, PASSES),
        ("first_pass_skip_final_steps", 2, PASSES),
        ("second_pass_number_of_steps", 6, {"second_pass"}),
        ("second_pass_skip_initial_steps", 4, {"second_pass"}),
        ("images", [{"image_url": "i", "strength": 0.5}], PASSES),
        ("images", [{"image_url": "i", "start_frame_num": 8}], PASSES),
        ("images", [{"image_url": "elsewhere"}], set()),
        ("videos", [{"video_url": "v", "start_frame_num": 24}], PASSES),
        ("videos", [{"video_url": "v", "start_frame_num": 16, "reverse_video": True}], None),
        ("reverse_video", True, set()),
        ("enable_safety_checker", False, set()),
    ],
)
def test_a_field_changes_the_keys_of_what_depends_on_it(
    field: str, value: object, stages: set[str] | None
) -> None:
    """No stage runs again for what it does not see, and none is used for what it did not see."""
    assert changed(fields={field: value}) == (MEDIA_STAGES if stages is None else stages)


@pytest.mark.parametrize(
    "other",
    [
        {"checkpoint": "d"},
        {"revision": "s"},
        {"dtype": "bfloat16"},
        {"device": "cuda"},
        {"threads": 2},
        {"levers": ("fp8",)},
    ],
)
def test_the_model_is_in_every_key_of_its_stages(other: dict[str, Any]) -> None:
    """Weights, precision, device, threads and levers that change digits part the outcomes."""
    assert changed(model=MODEL.model_copy(update=other)) == MODEL_STAGES


def test_media_count_by_their_bytes() -> None:
    """Another picture behind the same address is another picture."""
    assert changed(media=("c", "b")) == MEDIA_STAGES


def test_loras_count_by_their_bytes_and_scale() -> None:
    """Each of them is in both passes and nowhere else."""
    one = [{"path": "https://example.org/a", "scale": 0.5}]
    more = [{"path": "https://example.org/a", "scale": 0.6}]
    digests = {
        name: keys({"loras": loras}, loras=(sha256 * 64,))
        for name, loras, sha256 in (("one", one, "a"), ("other", one, "b"), ("more", more, "a"))
    }
    for name in ("other", "more"):
        apart = {stage for stage in digests["one"] if digests[name][stage] != digests["one"][stage]}
        assert apart == PASSES


def test_compression_knows_how_many_threads_it_has() -> None:
    """The number of x264's threads, which changes what it writes, is part of its work."""
    assert "threads" in CompressWork.model_fields


@pytest.mark.parametrize(
    ("options", "device", "threads", "levers"),
    [
        ({"threads": 3}, "cpu", 3, ()),
        ({"threads": 3}, "cuda", None, ()),
        ({"offload": "model", "threads": 1}, "cpu", 1, ()),
        ({"channels_last": True, "threads": 1}, "cpu", 1, ()),
        ({"channels_last": True}, "cuda", None, ("channels_last=True",)),
        (
            {"compile": True, "fp8": True, "attention_backend": "flash"},
            "cuda",
            None,
            ("attention_backend=flash", "compile", "fp8"),
        ),
    ],
)
def test_a_models_identity_has_the_options_that_change_pixels(
    options: dict[str, Any], device: str, threads: int | None, levers: tuple[str, ...]
) -> None:
    """Threads count on a CPU alone; levers that only cost memory do not count."""
    model = LTXModel(checkpoint="tiny", device=device, options=EngineOptions(**options))
    assert (model.identity.threads, model.identity.levers) == (threads, levers)


def test_threads_left_out_are_those_that_will_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with other cores, or told to use fewer, keeps outcomes of its own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert LTXModel(checkpoint="tiny", device="cpu").identity.threads == 3
