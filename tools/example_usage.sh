#!/usr/bin/env bash
# What `tools/visualize_attention.py` is used for, on models and pictures that ship with the repository; no network is needed.
# Files go to the folder given as the first argument (attn_vis unless given). With a published captioning checkpoint, put
# `--infos_path infos.pkl --model model.pth` in the place of `--model scene-aoanet`, and an own picture after `--image`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-attn_vis}
visualize() { "${PYTHON:-python}" "$here/visualize_attention.py" "$@"; }

echo "Every layer of a captioning model, heads averaged:"
visualize --image scene-6-2-50 --model scene-aoanet --output "$out/all_layers"

echo "One layer:"
visualize --image scene-6-2-50 --model scene-aoanet --layer 0 --output "$out/one_layer"

echo "One head, on its own:"
visualize --image scene-6-2-50 --model scene-aoanet --head 2 --no-avg-heads --output "$out/one_head"

echo "Several pictures, a folder each; raw weights as NumPy arrays; on the CPU:"
for picture in scene-7 scene-11; do
  visualize --image "$picture" --model scene-vit --layer 11 --save-raw --device cpu --output "$out/$picture"
done
