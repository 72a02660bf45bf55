"""Small MATLAB 5 files in the layout of Stanford Cars, written by scipy.

    pip install numpy scipy; python tests/golden/make_mat.py

cars_meta.mat: class_names {1 x 3}; cars_annos.mat: annotations (1 x 4 struct), not packed; cars_annos_packed.mat: the same, packed.
"""
from pathlib import Path

import numpy as np
import scipy.io

HERE = Path(__file__).parent
names = np.empty((1, 3), dtype=object)
names[0] = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Citroën C3 2020"]
scipy.io.savemat(HERE / "cars_meta.mat", {"class_names": names})

annotations = np.zeros((1, 4), dtype=[("bbox_x1", "O"), ("class", "O"), ("fname", "O")])
for i, label in enumerate([3, 1, 2, 3]):
    annotations[0, i] = (np.uint16(300 + i), np.uint8(label) if i % 2 else np.float64(label), f"{i + 1:05d}.jpg")
scipy.io.savemat(HERE / "cars_annos.mat", {"annotations": annotations})
scipy.io.savemat(HERE / "cars_annos_packed.mat", {"annotations": annotations}, do_compression=True)
