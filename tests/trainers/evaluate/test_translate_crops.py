from collections.abc import Sequence
from dataclasses import dataclass, field

from facemask_video.core.faces import Crop, TranslatedCrop
from tests.fakes import InvertTranslator
from tests.trainers.tiny import drawn_crops
from trainers.evaluate.translate_crops import translate_crops


@dataclass
class _Persons(InvertTranslator):
    persons: list[int] = field(default_factory=list)

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        self.persons += [crop.face.track_id.person for crop in crops]
        return super().translate(crops)


def test_each_crop_is_a_person_of_its_own_who_may_wear_another_mask() -> None:
    translator = _Persons(crop_size_px=40)

    translate_crops(drawn_crops(5), translator, batch_size=2)

    assert translator.persons == [0, 1, 2, 3, 4]
