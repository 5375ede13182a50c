// Shows the API's description, less HEAD and OPTIONS, which every path has. Without search: it would
// need a worker made of text, which the page's Content-Security-Policy forbids.
"use strict";
(async () => {
    const place = document.getElementById("viewer");
    const answer = await fetch("/api/v1/openapi.json");
    if (!answer.ok) throw new Error(`/api/v1/openapi.json: status ${answer.status}`);
    const description = await answer.json();
    for (const path of Object.values(description.paths)) {
        delete path.head;
        delete path.options;
    }
    const fonts = { fontFamily: "system-ui, sans-serif" };
    Redoc.init(description, {
        disableSearch: true,
        hideDownloadButton: true,
        nativeScrollbars: true,
        theme: { typography: { ...fonts, headings: fonts } },
    }, place);
})();
