// Loaded before a Node program that is a server: whatever address it wants to listen at, it listens at 127.0.0.1 only, and its port
// is printed on a line of its own, `listening on 127.0.0.1:PORT`.
//
//     node --require ./node_loopback.cjs SCRIPT

"use strict";

const net = require("node:net");
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== "number") {
    throw new Error("a server on this machine only may listen at a port, not at " + typeof port);
  }
  const then = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { port, host: "127.0.0.1" }, function () {
    console.log("listening on 127.0.0.1:" + this.address().port);
    if (then) then.call(this);
  });
};
