export function Episodes() {
  return <p class="empty">…</p>;
}
