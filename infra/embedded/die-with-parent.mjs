// Preloaded into Node services (--import): when the supervisor is gone, its end of the channel closes, and the service
// stops as if it had been asked to. The channel itself must not keep the process alive.
if (process.connected) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}
