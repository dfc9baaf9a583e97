// The storefront's script; docs/connect/script.md says how a shop uses it. GET /dist.js sends it without these comments and
// without spaces around signs, in at most 2 KB: so a comment has its line to itself, and no text here needs such a space.
try {
  (() => {
    const d = document, tag = d.currentScript, old = self.fenrun
    if (old?.ready) return
    const { param = 'ref', days = 30, api = tag.src.split('/dist.js')[0], consent, domain, model, shopify } = tag.dataset
    const [had, code = '', click = ''] = d.cookie.match(/\bdist_ref=(\w*)\.([\w-]{20})/) || []
    // There is a cookie because the visitor agreed on an earlier page. `until` is set when this page's own link counts.
    let allowed = had || consent == 'given', until

    const post = (url, type, data) => fetch(url, {
      method: 'POST',
      body: new Blob([JSON.stringify(data)], { type }),
      keepalive: true,
      referrerPolicy: 'origin'
    })
    const cart = () => shopify != null &&
      post('/cart/update.js', 'application/json', { attributes: me.attributes() }).catch(() => {})
    const cookie = age => d.cookie = `dist_ref=${me.code}.${me.click};path=/;max-age=${age};samesite=lax` +
      (location.protocol == 'https:' ? ';secure' : '') + (domain ? ';domain=' + domain : '')
    const show = () => me.click && me.fill()
    const keep = () => {
      show()
      if (!allowed || !me.click) return
      if (until) cookie((until - Date.now()) / 1e3 | 0)
      cart()
    }

    const me = self.fenrun = {
      code,
      click,
      attributes: () => ({ dist_ref: me.code, dist_click: me.click }),
      fill: (root = d) => Object.entries(me.attributes()).forEach(([name, value]) =>
        root.querySelectorAll(`input[name=${name}]`).forEach(input => input.value = value)),
      ready: run => { settled.then(() => run(me)) },
      consent: given => {
        if (!given == !allowed) return
        if (allowed = given) return keep()
        me.code = me.click = ''
        cookie(0)
        me.fill()
        cart()
      },
      push: call => {
        try { me[call[0]](call[1]) } catch {}
      }
    }

    const visit = async () => {
      const query = new URLSearchParams(location.search)
      const code = (query.get(param) || '').replace(/\W/g, '')
      let click = query.get('click_id'), end = Date.now() + days * 864e5
      if (had && model == 'first') return
      // GET /r/CODE has recorded its click already.
      if (!/^[\w-]{20}$/.test(click)) {
        if (!code) return
        // A body without a type needs no preflight; the API takes it for JSON.
        const reply = await post(api + '/v1/clicks', '', {
          code,
          url: location.origin + location.pathname + `?${param}=${code}`,
          referrer: d.referrer.split('/', 3).join('/')
        })
        if (!reply.ok) return
        const got = await reply.json()
        click = got.click_id
        end = Math.min(end, Date.parse(got.expires_at))
      }
      me.code = code
      me.click = click
      until = end
    }
    const settled = visit().then(keep, keep)
    d.addEventListener('DOMContentLoaded', show)
    ;(old || []).forEach(me.push)
  })()
} catch {}
