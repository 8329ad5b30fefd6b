"""How Sphinx builds the site. `python -m tools.site` copies this file into its own folder, and calls Sphinx there."""

project = "Redis, cell by cell"
author = "the authors of Redis, cell by cell"
language = "en"

extensions = ["myst_nb", "tools.site.folds"]

# Markdown as GitHub shows it, with anchors for headings, and ::: for a box
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# The lessons were run before: these are copies with their outputs
nb_execution_mode = "off"
nb_code_prompt_show = "Show what it prints"
nb_code_prompt_hide = "Hide what it prints"
nb_merge_streams = True

# Search lists pages. It shows no lines of them, as these might be the lines of an answer.
html_show_search_summary = False
html_use_index = False
html_copy_source = False
html_show_sourcelink = False

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_theme_options = {"top_of_page_buttons": []}
html_show_copyright = False
html_show_sphinx = False

# Catalogues for translators: one for each page
gettext_compact = False
gettext_uuid = False
