/*
 * Makes ONNX Runtime's Node binding pass on TensorRT's options (trt_…), of which its 1.30 takes the
 * device alone: node tensorrtOptions.mjs js/node/src/session_options_helper.cc
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';

const BRANCH = 'OrtTensorRTProviderOptionsV2* options;';
const PLACE = 'options->device_id = deviceId;\n';

const PASS_ON = `      if (epValue.IsObject()) {
        std::vector<std::string> texts{"device_id", std::to_string(deviceId)};
        for (const auto& given : epValue.As<Napi::Object>()) {
          const auto key = given.first.As<Napi::String>().Utf8Value();
          if (key.compare(0, 4, "trt_") != 0) continue;
          Napi::Value value = given.second;
          texts.push_back(key);
          texts.push_back(value.ToString().Utf8Value());
        }
        std::vector<const char*> keys, values;
        for (size_t at = 0; at < texts.size(); at += 2) {
          keys.push_back(texts[at].c_str());
          values.push_back(texts[at + 1].c_str());
        }
        Ort::ThrowOnError(
            Ort::GetApi().UpdateTensorRTProviderOptions(options, keys.data(), values.data(), keys.size()));
      }
`;

const [, , path] = argv;
const source = readFileSync(path, 'utf8');
const branch = source.indexOf(BRANCH);
const place = source.indexOf(PLACE, branch);
if (branch < 0 || place < 0 || source.includes('GetApi().UpdateTensorRTProviderOptions'))
  throw new Error(
    `${path} is not what this was written for: look at how it makes TensorRT's options`,
  );
const after = place + PLACE.length;
writeFileSync(path, source.slice(0, after) + PASS_ON + source.slice(after));
