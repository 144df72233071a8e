#!/bin/sh
# Makes the test pictures of this folder with libjpeg-turbo's tools (Debian: libjpeg-turbo-progs):
# one crop of a rendered person, of odd sides, in every way of coding that cameras and phones use.
set -eu
cd "$(dirname "$0")"
djpeg -crop 211x157+210+110 -outfile crop.ppm ../../../../fixtures/clips-f1/idle/000.jpg
for sampling in 1x1 2x1 1x2 2x2 4x1; do
    cjpeg -quality 85 -sample "$sampling" -outfile "$sampling.jpg" crop.ppm
done
cjpeg -quality 85 -sample 2x1 -restart 3B -outfile restart.jpg crop.ppm
cjpeg -quality 85 -sample 2x2 -optimize -outfile optimised.jpg crop.ppm
cjpeg -quality 85 -sample 2x2 -progressive -outfile progressive.jpg crop.ppm
cjpeg -quality 85 -grayscale -outfile grey.jpg crop.ppm
cjpeg -quality 85 -rgb -outfile rgb.jpg crop.ppm
cjpeg -quality 85 -arithmetic -outfile arithmetic.jpg crop.ppm
rm crop.ppm
# libjpeg-turbo's tools make no CMYK; Pillow does.
python3 -c 'from PIL import Image
Image.open("2x2.jpg").convert("CMYK").resize((24, 24)).save("cmyk.jpg", quality=60)'
