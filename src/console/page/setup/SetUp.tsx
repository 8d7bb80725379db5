export function SetUp() {
  return <p class="empty">…</p>;
}
