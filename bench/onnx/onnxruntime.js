// Runs ONNX models in onnxruntime: node onnxruntime.js FOLDER MODEL.onnx ...
// For each, FOLDER/MODEL.input.f32 (raw little-endian floats, one batch) becomes FOLDER/MODEL.output.f32; the
// model's input has a dynamic batch, and FOLDER/MODEL.shape holds "3 224 224".
const fs = require("fs");
const path = require("path");
const ort = require("onnxruntime-node");

const floats = (file) => {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

async function main([folder, ...models]) {
  for (const model of models) {
    const stem = path.join(folder, path.basename(model, ".onnx"));
    const shape = fs.readFileSync(stem + ".shape", "utf8").trim().split(/\s+/).map(Number);
    const input = floats(stem + ".input.f32");
    const batch = input.length / shape.reduce((a, b) => a * b, 1);
    const session = await ort.InferenceSession.create(model);
    const result = await session.run({
      [session.inputNames[0]]: new ort.Tensor("float32", input, [batch, ...shape]),
    });
    // One file: all outputs, image after image, as assay's `outputs` joins them.
    const outputs = session.outputNames.map((name) => result[name]);
    const size = outputs.map((t) => t.data.length / batch);
    const joined = new Float32Array(batch * size.reduce((a, b) => a + b, 0));
    let at = 0;
    for (let n = 0; n < batch; ++n)
      for (let k = 0; k < outputs.length; ++k) {
        joined.set(outputs[k].data.subarray(n * size[k], (n + 1) * size[k]), at);
        at += size[k];
      }
    fs.writeFileSync(stem + ".output.f32", Buffer.from(joined.buffer));
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
