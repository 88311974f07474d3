// @ts-check
// The settings of the server, which are changed where it is started.
export default {
  "server.advice_cors": "A web site without HTTPS may use the API with the login of whoever looks at it. Name its https:// address.",
  "server.advice_long_crops": "Crops of doubtful faces are kept for more than a month. Nobody remembers for so long who it was; shorten it.",
  "server.advice_no_https": "People on other machines reach this server without HTTPS: their browsers give no camera, and nobody can log in there. Put a proxy with HTTPS before it, and name its address.",
  "server.advice_no_proxy": "People come by HTTPS, but no proxy is trusted: the server takes every request for one without HTTPS, from the proxy itself. Set it to the number of proxies, usually 1.",
  "server.advice_no_weights": "FaceNet is asked for, but its weights are not named and may not be downloaded. If the cache folder lacks them, nobody is recognised.",
  "server.advice_one_sighting": "A single picture makes a student present, so one mistaken picture is enough. 2 is usual.",
  "server.allowed": "Allowed: {allowed}.",
  "server.changed": "changed",
  "server.doctor": "These are looked at here. On the machine of the server, in the folder backend, this looks at disk, database, weights and address as well:",
  "server.empty": "(empty)",
  "server.lead": "Settings are environment variables: they are changed where the server is started, and hold from its next start.",
  "server.none": "No setting fits",
  "server.not_set": "not set",
  "server.only_changed": "Only those that were changed ({n})",
  "server.search": "Find a setting",
  "server.show_all": "Show all",
  "server.title": "Settings",
};
