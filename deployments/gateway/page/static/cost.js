// What a request would do and cost, in words.

export function shown({ plan, drafts, drafts_gpu_seconds: making, refine_gpu_seconds: refining }) {
  const { first_pass: first, second_pass: second, estimate } = plan;
  return [
    `${plan.width} × ${plan.height}, ${plan.frames} frames at ${plan.frame_rate} a second, `
      + `${first.sigmas.length} + ${second.sigmas.length} steps.`,
    `A video: about ${seconds(estimate.gpu_seconds)} of an H200, `
      + `${estimate.gpu_memory_gib} GiB of its memory.`,
    `${drafts} ${drafts === 1 ? "draft" : "drafts"}: about ${seconds(making)}, `
      + `and ${seconds(refining)} for each that is refined.`,
  ];
}

function seconds(number) {
  if (number < 0.1) return "less than 0.1 s";
  return `${number < 10 ? number.toFixed(1) : Math.round(number)} s`;
}
