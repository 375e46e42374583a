"""Serves a language model by its name: `python -m ts.llm_launcher --model_id NAME`. The engine, vLLM, comes separately.

It writes an archive for `vllm_handler` into the model store, and starts `torchserve` with it.
"""

import argparse
import contextlib
import pathlib
import shutil
import tempfile

import yaml
from model_archiver import ModelArchiverConfig
from model_archiver.model_packaging import generate_model_archive

from ts.launcher import start, stop


def get_model_config(args, model_snapshot_path=None):
    """The content of model-config.yaml for these arguments; raises RuntimeError for an engine other than vLLM."""
    if args.engine != "vllm":
        raise RuntimeError(f"Unsupported LLM engine {args.engine!r}: vllm is the one that there is")
    import torch

    gpus = torch.cuda.device_count()
    folder = getattr(args, "vllm_engine.download_dir")
    return {
        "minWorkers": 1,
        "maxWorkers": 1,
        "batchSize": 1,
        "maxBatchDelay": 100,
        "responseTimeout": 1200,
        "startupTimeout": args.startup_timeout,
        "deviceType": "gpu",
        "asyncCommunication": True,
        "parallelLevel": max(1, gpus),
        "handler": {
            "model_path": args.model_id,
            "vllm_engine_config": {
                "max_num_seqs": getattr(args, "vllm_engine.max_num_seqs"),
                "max_model_len": getattr(args, "vllm_engine.max_model_len"),
                "download_dir": pathlib.Path(folder).resolve().as_posix() if folder else folder,
                "tensor_parallel_size": max(1, gpus),
            },
        },
    }


@contextlib.contextmanager
def create_mar_file(args, model_snapshot_path=None):
    """The folder of the archive in the model store, for as long as the block lasts; one that is there is kept."""
    folder = pathlib.Path(args.model_store) / args.model_name
    is_new = not folder.exists()
    if is_new:
        with tempfile.TemporaryDirectory() as temporary:
            config = pathlib.Path(temporary, "model-config.yaml")
            config.write_text(yaml.safe_dump(get_model_config(args, model_snapshot_path)))
            generate_model_archive(
                ModelArchiverConfig(
                    model_name=args.model_name,
                    version="1.0",
                    handler=f"{args.engine}_handler",
                    runtime="python",
                    export_path=args.model_store,
                    config_file=config.as_posix(),
                    archive_format="no-archive",
                    force=True,
                )
            )
    try:
        yield folder.as_posix()
    finally:
        if is_new:
            shutil.rmtree(folder)


def main(args):
    """Serve the model until the process is interrupted, or the server ends."""
    pathlib.Path(args.model_store).mkdir(parents=True, exist_ok=True)
    with create_mar_file(args):
        try:
            lines = start(
                model_store=args.model_store,
                no_config_snapshots=True,
                models=args.model_name,
                disable_token=args.disable_token_auth,
            )
            with contextlib.suppress(KeyboardInterrupt):
                while lines.get() is not None:
                    pass
        finally:
            stop(wait=False)


def parser():
    """The parser of the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m ts.llm_launcher", description=__doc__)
    parser.add_argument("--model_name", default="model", help="the name that the model is served by")
    parser.add_argument("--model_store", default="model_store", help="the folder for its archive")
    parser.add_argument("--model_id", default="meta-llama/Meta-Llama-3.1-8B-Instruct", help="a name or a folder")
    parser.add_argument("--disable_token_auth", action="store_true", help="accept requests without a token")
    parser.add_argument("--startup_timeout", type=int, default=1200, help="seconds that loading may take")
    parser.add_argument("--engine", default="vllm", help="vllm")
    parser.add_argument("--dtype", default="bfloat16", help="the data type of other engines")
    parser.add_argument("--vllm_engine.max_num_seqs", type=int, default=256, help="sequences in work at once")
    parser.add_argument("--vllm_engine.max_model_len", type=int, help="tokens of a sequence at most")
    parser.add_argument("--vllm_engine.download_dir", help="the folder for downloaded weights")
    parser.add_argument("--trt_llm_engine.max_batch_size", type=int, default=4, help="of TensorRT-LLM alone")
    parser.add_argument("--trt_llm_engine.kv_cache_free_gpu_memory_fraction", type=float, default=0.1, help="as well")
    return parser


if __name__ == "__main__":
    main(parser().parse_args())
