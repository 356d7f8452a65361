"""What a page says, from scrape to scrape: what has not changed is read by its place.

    exposition ─▶ whole ─▶ block: cutting ─▶ (rebuilding ─▶ tables) ─▶ progress ─▶ sampling
                                                   └ labelling, limits
               ─▶ across ─▶ assembling, with what metadata and starts say ─▶ ScrapedMetric

Prometheus remembers a page's series by their text. Here a page is remembered by its blocks, a few
numbers a line (``layout``): lines that are the same again cost a hash and a number.
"""

from otel_kubecost.receivers.prometheus.page.labelling import Labelling
from otel_kubecost.receivers.prometheus.page.limits import LimitError, Limits
from otel_kubecost.receivers.prometheus.page.reader import Page, PageReader

__all__ = ["Labelling", "LimitError", "Limits", "Page", "PageReader"]
