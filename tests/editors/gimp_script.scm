; The procedure from Script-Fu: it gives the new layer back.
(script-fu-use-v3)
(let* ((image (gimp-file-load RUN-NONINTERACTIVE "/checkout/examples/harbour.jpg"))
       (layer (vector-ref (gimp-image-get-layers image) 0))
       (new (plug-in-impasto #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector layer)
                             #:style "/checkout/examples/summer.jpg" #:strength 40 #:knobs "steps=1 scales=1 size=64")))
  (display (string-append "\nLAYER " (gimp-item-get-name (if (pair? new) (car new) new))
                          " OF " (number->string (vector-length (gimp-image-get-layers image))) "\n"))
  (gimp-image-delete image))
