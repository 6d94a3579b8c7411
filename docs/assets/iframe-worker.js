// A page that is opened from disk may not start a worker, and the search runs in one. In its place a hidden frame runs the
// worker's script: what it sends comes to the page, what the page sends goes to it.
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inside = frame.contentWindow
      this.inside.answer = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const loaded = new Promise(resolve => { this.inside.ready = resolve })
      this.postMessage = data => loaded.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })))
      this.inside.document.write(
        "<script>postMessage = answer</script>",
        `<script src="${url}" onload="ready()"></script>`,
      )
      this.inside.document.close()
    }
    terminate() {}
  }
