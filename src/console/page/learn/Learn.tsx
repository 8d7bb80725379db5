export function Learn() {
  return <p class="empty">…</p>;
}
