"""The web application: pages for people, rendered by the server and readable without JavaScript.

`viewer` finds who looks. `page` renders a page, `assets` serves what pages load. Every other module is one page or one
group of pages. A form makes its change through the same requests as the APIs (`query_api.commands`).
"""
