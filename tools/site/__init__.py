"""The course as a site: `python -m tools.site` runs the lessons and builds `site/` from the executed copies.

execute       runs each lesson once and keeps the executed copy
lesson_page   makes a page of an executed lesson: what is folded, what is left out, its head
links         leads links of the repository to pages of the site
flowchart     draws the lessons' Mermaid diagrams
source        gathers what Sphinx reads, in a folder of the build
folds         the extension of Sphinx: search finds nothing that is folded
mending       gives the pages what a keyboard and a screen reader need
build         calls Sphinx
reading       checks the built pages as text: nothing spoils a prediction
browser       checks the built pages in Chromium
"""
