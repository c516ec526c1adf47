"""What the endpoint's schema has and this version cannot do."""

from __future__ import annotations

from ltxv.errors import Refused, Violation
from ltxv.request import VideoRequest

_NO_GUIDE = (
    "conditioning by {} is not supported: it needs Lightricks' IC-LoRA for it and a second clip of "
    "latents that guides every step, which the two passes do not have; send rgb"
)


def refuse_unsupported(request: VideoRequest) -> None:
    """Refuse, by name, what the schema has and this version cannot do.

    Raises:
        Refused: ``feature_not_supported`` for each such field.
    """
    asked = [
        (
            ("enable_detail_pass",),
            request.enable_detail_pass,
            "the detail pass is not supported; send false",
        ),
        (
            ("temporal_adain_factor",),
            request.temporal_adain_factor is not None,
            "this factor is not supported; leave it out",
        ),
        *(
            (
                ("videos", index, "conditioning_type"),
                video.conditioning_type != "rgb",
                _NO_GUIDE.format(video.conditioning_type),
            )
            for index, video in enumerate(request.videos)
        ),
    ]
    wrong = [
        Violation(loc=loc, msg=msg, type="feature_not_supported")
        for loc, is_asked, msg in asked
        if is_asked
    ]
    if wrong:
        raise Refused(*wrong)
