"""Pages that are generated from the code when the site is built. Each module gives the pages of one subject.

``pages()`` maps the path of a page in the site to its Markdown.
"""
