"""What users write: read from files and variables, checked, and given out as options.

``options`` declares the types of single options; ``problems`` checks a block of them. ``files``
reads and merges, ``yaml_document`` and ``substitution`` for it, into a ``tree``;
``builtin_pipeline`` needs no file. ``checked`` makes the whole of either, with ``cross_checks``.
``schema`` describes files to editors: ``option_schemas`` of values, ``written`` of what stands for
them.
Components import ``options``, ``problems``, ``environment`` and ``cloudtuner`` alone.
"""
