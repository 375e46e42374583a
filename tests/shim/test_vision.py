"""Handlers of images: ts.torch_handler's vision_handler, image_classifier, object_detector and image_segmenter."""

import base64
import io
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError
from ts.context import Context, RequestProcessor
from ts.metrics.metrics_store import MetricsStore
from ts.torch_handler import pillow_transforms
from ts.torch_handler.densenet_handler import DenseNetHandler
from ts.torch_handler.image_classifier import ImageClassifier
from ts.torch_handler.image_segmenter import ImageSegmenter
from ts.torch_handler.object_detector import ObjectDetector
from ts.torch_handler.vision_handler import VisionHandler

from handler.workers.loader import load_entry_point
from tests.support.one_worker import OneWorker, write

PIXELS = (np.arange(8 * 6 * 3) % 256).astype("uint8").reshape(8, 6, 3)


def png(pixels=PIXELS):
    """The bytes of an image."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def context():
    """Make a context for one request with these headers."""

    def make(**headers):
        context = Context("m", "/d", {}, 1, None, "0.12.0", metrics=MetricsStore("id", "m"))
        context.request_processor = [RequestProcessor(headers)]
        return context

    return make


@pytest.fixture
def plain():
    """A handler that takes images as their bytes stand."""

    class Plain(VisionHandler):
        image_processing = pillow_transforms.ToTensor()
        device = torch.device("cpu")

    return Plain()


@pytest.mark.parametrize("wrap", [bytes, bytearray, lambda data: base64.b64encode(data).decode()])
@pytest.mark.parametrize("key", ["data", "body"])
def test_images_come_as_bytes_or_base64(plain, wrap, key):
    tensor = plain.preprocess([{key: wrap(png())}])
    assert tensor.shape == (1, 3, 8, 6)
    assert torch.equal((tensor[0] * 255).round().to(torch.uint8), torch.from_numpy(PIXELS).permute(2, 0, 1))


def test_numbers_become_a_tensor_as_they_are(plain):
    assert plain.preprocess([{"body": [1, 2]}, {"data": [3, 4]}]).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([{"body": b"junk"}], UnidentifiedImageError),
        ([{"body": "!!"}], UnidentifiedImageError),
        ([{}], TypeError),
        ([], RuntimeError),
        ([{"body": [1.0]}, {"body": [1.0, 2.0]}], RuntimeError),
    ],
)
def test_what_is_no_image_raises(plain, rows, error):
    with pytest.raises(error):
        plain.preprocess(rows)


@pytest.mark.parametrize(("limited", "pixels"), [(True, 7), (False, None)])
def test_the_limit_on_the_size_of_images_is_lifted_on_demand(monkeypatch, tmp_path, limited, pixels):
    (tmp_path / "vision_model.py").write_text("import torch\nclass Model(torch.nn.ReLU): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    manifest = {"model": {"modelFile": "vision_model.py"}}
    VisionHandler().initialize(Context("m", str(tmp_path), manifest, 1, None, "0.12.0", limited))
    assert pixels == Image.MAX_IMAGE_PIXELS


@pytest.fixture
def captum(monkeypatch):
    """A stand-in for captum whose attributions are the inputs times the target."""

    class IntegratedGradients:
        def __init__(self, model):
            self.model = model

        def attribute(self, tensor, target, n_steps):
            return tensor * target + n_steps

    attr = types.ModuleType("captum.attr")
    attr.IntegratedGradients = IntegratedGradients
    monkeypatch.setitem(sys.modules, "captum", types.ModuleType("captum"))
    monkeypatch.setitem(sys.modules, "captum.attr", attr)


def test_an_explanation_shows_captums_gradients(plain, captum, context):
    answer = plain.handle([{"body": [1.0, 2.0], "target": 3}], context(explain="True"))
    assert answer == [[18.0, 21.0]]
    assert plain.ig is plain.ig


def test_a_handler_may_set_gradients_of_its_own(plain):
    plain.ig = "own"
    assert plain.ig == "own"


@pytest.fixture
def classifier():
    """An image classifier with a model of six classes."""
    handler = ImageClassifier()
    handler.device = torch.device("cpu")
    handler.mapping = {str(index): f"l{index}" for index in range(6)}
    return handler


def test_a_classifier_answers_with_the_likeliest_labels(classifier):
    classifier.topk = 2
    answer = classifier.postprocess(torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]]))
    assert answer == [
        {"l2": pytest.approx(0.66524096), "l1": pytest.approx(0.24472848)},
        {"l0": pytest.approx(0.66524088), "l2": pytest.approx(0.24472845)},
    ]
    assert [list(each) for each in answer] == [["l2", "l1"], ["l0", "l2"]]


def test_a_classifier_has_five_labels_unless_told_otherwise(classifier):
    assert classifier.get_max_result_classes() == 5
    classifier.set_max_result_classes(2)
    assert (classifier.get_max_result_classes(), ImageClassifier.topk) == (2, 5)


def test_fewer_classes_than_labels_raise(classifier):
    with pytest.raises(RuntimeError, match="selected index k out of range"):
        classifier.postprocess(torch.ones(1, 3))


def test_a_classifier_takes_an_image_through_all_stages(classifier, context):
    classifier.model = lambda images: images.mean(dim=(2, 3)).repeat(1, 2)
    (answer,) = classifier.handle([{"body": png(np.full((300, 400, 3), 255, "uint8"))}], context())
    assert len(answer) == 5
    assert next(iter(answer)) in {"l2", "l5"}


def test_image_processing_is_a_callable_that_subclasses_replace():
    class Own(ImageClassifier):
        image_processing = pillow_transforms.Compose([pillow_transforms.ToTensor()])
        device = torch.device("cpu")

    assert callable(ImageClassifier.image_processing)
    assert Own().preprocess([{"body": png()}]).shape == (1, 3, 8, 6)


@pytest.mark.parametrize("name", ["image_classifier", "image_segmenter", "object_detector"])
def test_an_archive_that_brings_a_torchvision_is_read_with_it_and_no_other_is(tmp_path, name):
    """As in processes of their own; the handlers' modules are shared."""
    transforms = "def Compose(steps): return {!r}\nResize = CenterCrop = Normalize = ToTensor = lambda *_, **__: None\n"
    folders = [
        write(tmp_path / "a", {"torchvision/__init__.py": "", "torchvision/transforms.py": transforms.format("a")}),
        write(tmp_path / "b", {"torchvision/__init__.py": "", "torchvision/transforms.py": transforms.format("b")}),
        write(tmp_path / "none", {}),
    ]
    workers = [OneWorker(folder) for folder in folders]

    def processing(namespace):
        handler = load_entry_point(namespace, name).owner
        return [handler.image_processing, type(handler).image_processing]

    try:
        seen = [worker.run(processing, worker.namespace) for worker in workers]
    finally:
        for worker in workers:
            worker.close()
    assert seen[:2] == [["a", "a"], ["b", "b"]]
    assert all(isinstance(found, pillow_transforms.Compose) for found in seen[2])


def test_imagenets_processing_of_a_plain_image():
    """torchvision: (value / 255 - mean) / deviation, for each colour."""
    image = Image.fromarray(np.full((300, 500, 3), (255, 0, 51), "uint8"))
    tensor = ImageClassifier.image_processing(image)
    assert tensor.shape == (3, 224, 224)
    assert tensor.dtype == torch.float32
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    assert tensor[:, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(tensor, tensor[:, :1, :1])


@pytest.mark.parametrize(
    ("before", "after"),
    [((500, 300), (426, 256)), ((300, 500), (256, 426)), ((256, 999), (256, 999)), ((8, 8), (256, 256))],
)
def test_resizing_keeps_proportions_and_rounds_down(before, after):
    assert pillow_transforms.Resize(256)(Image.new("RGB", before)).size == after


def test_shrinking_smooths():
    stripes = np.tile(np.array([0, 255], "uint8"), (512, 256))
    shrunk = np.asarray(pillow_transforms.Resize(256)(Image.fromarray(stripes)))
    assert shrunk.shape == (256, 256)
    assert 120 < shrunk[100, 100] < 135


@pytest.mark.parametrize(("size", "corner"), [((8, 6), (2, 1)), ((7, 6), (2, 1)), ((9, 9), (2, 2))])
def test_the_middle_is_cut_out(size, corner):
    """Halves of pixels are rounded to even, as torchvision does."""
    rows, columns = np.indices((size[1], size[0]), "uint8")
    image = Image.fromarray(np.stack([columns, rows, rows], axis=2))
    assert pillow_transforms.CenterCrop(4)(image).getpixel((0, 0))[:2] == corner


@pytest.mark.parametrize(
    ("mode", "colour", "dtype", "value"),
    [
        ("L", 51, torch.float32, 0.2),
        ("1", 1, torch.float32, 1.0),
        ("I", 70000, torch.int32, 70000),
        ("F", 1.5, torch.float32, 1.5),
        ("I;16", 300, torch.int16, 300),
    ],
)
def test_grey_images_of_all_depths_become_one_band(mode, colour, dtype, value):
    tensor = pillow_transforms.ToTensor()(Image.new(mode, (3, 2), colour))
    assert (tensor.shape, tensor.dtype) == ((1, 2, 3), dtype)
    assert tensor[0, 0, 0].item() == pytest.approx(value)


def test_normalizing_needs_three_bands_of_fractions():
    normalize = pillow_transforms.Normalize([0.5] * 3, [0.5] * 3)
    bands = torch.ones(3, 2, 2)
    assert normalize(bands).unique().tolist() == [1.0]
    assert bands.unique().tolist() == [1.0]
    with pytest.raises(RuntimeError, match="shape"):
        normalize(torch.ones(1, 2, 2))
    with pytest.raises(TypeError, match="float tensor"):
        normalize(torch.ones(3, 2, 2, dtype=torch.int32))


def test_transforms_tell_what_they_do():
    assert repr(ObjectDetector.image_processing) == "Compose(ToTensor())"
    assert repr(ImageClassifier.image_processing) == (
        "Compose(Resize(256), CenterCrop(224), ToTensor(), "
        "Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]))"
    )


FOUND = [
    {
        "boxes": torch.tensor([[0.0, 1, 2, 3], [4, 5, 6, 7]]),
        "labels": torch.tensor([1, 2]),
        "scores": torch.tensor([0.5, 0.25]),
    },
    {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)},
]


def test_a_detector_answers_with_boxes_of_enough_certainty():
    handler = ObjectDetector()
    assert handler.postprocess(FOUND) == [[{"1": [0.0, 1.0, 2.0, 3.0], "score": 0.5}], []]
    handler.mapping, handler.threshold = {"1": "cat", "2": "dog"}, 0.25
    assert handler.postprocess(FOUND)[0] == [
        {"cat": [0.0, 1.0, 2.0, 3.0], "score": 0.5},
        {"dog": [4.0, 5.0, 6.0, 7.0], "score": 0.25},
    ]


def test_a_segmenter_answers_with_class_and_probability_of_each_pixel():
    scores = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    (image,) = ImageSegmenter().postprocess({"out": scores})
    assert image == [[[1.0, pytest.approx(0.880797)], [0.0, pytest.approx(0.880797)]]]


def test_saved_tensors_are_stacked_and_answered_with_one():
    handler = DenseNetHandler()
    handler.device, handler.model = torch.device("cpu"), lambda rows: rows * 2
    buffer = io.BytesIO()
    torch.save(torch.ones(2), buffer)
    prepared = handler.preprocess([{"body": buffer.getvalue()}, {"data": buffer.getvalue()}])
    (answer,) = handler.postprocess(handler.inference(prepared))
    assert answer.tolist() == [[2.0, 2.0], [2.0, 2.0]]
